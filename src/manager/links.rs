//! The links of all targets, by names that are not used again for a long time: what a transport says late about a
//! link that is gone must not be taken for news of another.

use crate::connection::Link;

/// See the module.
#[derive(Debug, Default)]
pub struct Links {
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u16,
    link: Option<Link>,
}

impl Links {
    /// Makes a link, which is told its name.
    pub fn insert(&mut self, make: impl FnOnce(u32) -> Link) -> u32 {
        let free = self.slots.iter().position(|slot| slot.link.is_none());
        let index = free.unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        slot.generation = slot.generation.wrapping_add(1);
        let id = u32::from(slot.generation) << 16 | index as u32;
        slot.link = Some(make(id));
        id
    }

    /// The link with this name, unless it is gone.
    #[inline(never)]
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Link> {
        self.slots.get_mut(id as usize & 0xffff)?.link.as_mut().filter(|link| link.id == id)
    }

    /// The link with this name, unless it is gone.
    pub fn get(&self, id: u32) -> Option<&Link> {
        self.slots.get(id as usize & 0xffff)?.link.as_ref().filter(|link| link.id == id)
    }

    /// Takes the link out.
    pub fn remove(&mut self, id: u32) -> Option<Link> {
        let slot = self.slots.get_mut(id as usize & 0xffff)?;
        slot.link.take_if(|link| link.id == id)
    }

    /// Forgets all others.
    pub fn retain(&mut self, stays: impl Fn(&Link) -> bool) {
        for slot in &mut self.slots {
            slot.link.take_if(|link| !stays(link));
        }
    }

    /// All links.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.slots.iter_mut().filter_map(|slot| slot.link.as_mut())
    }

    /// All links.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.slots.iter().filter_map(|slot| slot.link.as_ref())
    }
}
