//! What the rows want done, and whether they make sense: the part of the shell that must not be deceived.

use edgis::command::{Pushed, Role};
use edgis::connection::{self as rows, Row};
use edgis::error::{Failure, Sent};
use edgis::manager::State;
use edgis::resp::{Kind, FIRST, LAST, MORE, SKIP};

use crate::command::{Command, Ended};
use crate::server::Temper;
use crate::world::{Building, Wire, World};

impl World {
    pub fn drain(&mut self, source: Option<(u32, &[u8])>) {
        let rows = self.manager.output().rows.clone();
        let frames = self.manager.output().frames.bytes.to_vec();
        let mut answered = false;
        for row in rows {
            if row[0] & 0xff < rows::ACTION {
                let (link, bytes) = source.expect("only received bytes lead to replies");
                self.token(link, bytes, row);
                answered |= row[3] != u32::MAX;
            } else if row[0] & 0xff == rows::PUSH {
                let (link, bytes) = source.expect("only received bytes are pushes");
                self.pushed(link, bytes, row);
            } else {
                self.act(row, &frames);
            }
        }
        for (link, wire) in &mut self.wires {
            wire.lane = self.manager.lane_of(*link).expect("a link that is open has a lane");
        }
        let of_lane = source
            .and_then(|(link, _)| self.wires.get(&link))
            .is_some_and(|wire| self.roles.contains_key(&wire.lane));
        if let (true, false, Some((link, _))) = (answered, of_lane, source) {
            let known = self.announced.values().flatten().any(|(announced, _)| *announced == link);
            let lies = self.wires.get(&link).is_none_or(|wire| wire.server.lied);
            assert!(known || lies, "a command was answered on link {link} before anybody knew of it");
        }
        self.check();
    }

    fn act(&mut self, [head, a, b, c]: Row, frames: &[u8]) {
        self.check_scope([head, a, b, c]);
        match head & 0xff {
            rows::TRANSMIT => {
                let bytes = frames.get(b as usize..(b + c) as usize).expect("TRANSMIT is in bounds");
                self.write(a, bytes.to_vec());
            }
            rows::EXTERNAL => {
                assert_eq!(c, 0, "no command here has two external arguments");
                let command = self.commands.get(b as usize).expect("EXTERNAL names a command");
                assert_eq!(command.ended, None, "the argument of a command that has ended");
                self.write(a, command.external.clone());
            }
            rows::OPEN => {
                self.opens += 1;
                let server = (self.servers)(self.opens);
                let wire = Wire {
                    target: b,
                    candidate: c,
                    lane: self.manager.lane_of(a).unwrap_or(u32::MAX),
                    opened: false,
                    blocked: false,
                    server,
                    carry: Vec::new(),
                    diverted: 0,
                    dropped: false,
                    building: None,
                };
                assert!(self.wires.insert(a, wire).is_none(), "a link's name is used twice");
            }
            rows::CLOSE => {
                let mut wire = self.wires.remove(&a).expect("CLOSE names a link");
                // What has been written may still be executed.
                wire.server.work();
                let executed = std::mem::take(&mut wire.server.executed);
                self.executed(wire.lane, executed);
            }
            rows::REJECT => self.end(a, Ended::Rejected { failure: head >> 8, detail: b, sent: c }),
            rows::STATE => {
                let states = self.states.get_mut(&a).expect("STATE names a target");
                let last = states.last().copied();
                let again = last.is_some_and(|(state, _)| state == b);
                let failed_again = b == State::Disabled as u32 && self.background_dial.get(&a) == Some(&true);
                assert!(!again || failed_again, "the same state again: {states:?}, {b}");
                assert_ne!(last.map(|(state, _)| state), Some(State::Closed as u32), "closed is the end");
                states.push((b, c));
                // A link that is lost while a dial is to replace it leaves that dial alone.
                let goes_on =
                    b == State::Disabled as u32 && last.map(|(state, _)| state) == Some(State::Ready as u32);
                if !goes_on {
                    self.background_dial.insert(a, false);
                }
            }
            rows::PREPARE => self.questions.push((a, b)),
            rows::ABORT => {
                let wire = self.wires.get_mut(&a).expect("ABORT names a link");
                assert!(wire.building.take().is_some(), "ABORT of nothing");
                wire.dropped = true;
            }
            rows::DIAL => {
                self.dials += 1;
                self.background_dial.insert(a, c == 1);
            }
            rows::LINK => {
                let links = self.announced.get_mut(&a).expect("LINK names a target");
                let wire = &self.wires[&b];
                assert_eq!(wire.target, a);
                let same = links.last().is_some_and(|(link, _)| *link == b);
                assert!(same || head >> 8 == 0, "news of a link that nobody knows");
                let tells = !wire.server.tracking.is_empty() && wire.server.temper != Temper::Old;
                assert!(c == 0 || tells || wire.server.lied, "it tells of nothing");
                links.push((b, c == 1));
            }
            rows::LANE => {
                let states = self.lanes.entry(a).or_default();
                assert_ne!(states.last(), Some(&(State::Closed as u32)), "lane {a} had ended");
                states.push(b);
            }
            other => panic!("no row is of kind {other}"),
        }
    }

    /// What is to be done is the business of the scope that was acted upon.
    fn check_scope(&self, [head, a, b, _]: Row) {
        let target = match head & 0xff {
            rows::TRANSMIT | rows::EXTERNAL | rows::CLOSE | rows::ABORT => self.wires[&a].target,
            rows::REJECT => self.commands[a as usize].target,
            rows::OPEN => b,
            rows::LANE => match self.targets_of_lanes.get(&a) {
                Some(target) => *target,
                // It is told of before its number is known to the caller.
                None => return,
            },
            _ => a,
        };
        assert_eq!(self.scopes[&target], self.manager.scope(), "row {head:x} {a} {b} concerns another scope");
    }

    /// An element of a push.
    fn pushed(&mut self, link: u32, bytes: &[u8], row: Row) {
        let [head, a, b, lane] = row;
        let (flags, kind, pushed) = ((head >> 8) as u8, (head >> 16) as u8, (head >> 24) as u8);
        assert_eq!(self.wires[&link].lane, lane, "pushed to another lane");
        if pushed == Pushed::Invalidate as u8 {
            return self.changed(link, bytes, row);
        }
        assert_eq!(self.roles.get(&lane), Some(&Role::Subscriber), "a push for nobody");
        if flags & FIRST != 0 {
            self.pushes.push((lane, pushed, Vec::new()));
        }
        let (_, _, elements) = self.pushes.last_mut().expect("a push has a beginning");
        match kind {
            _ if kind == Kind::Int as u8 => elements.push(a.to_string()),
            _ => {
                elements.push(String::from_utf8(bytes[a as usize..b as usize].to_vec()).expect("it is text"))
            }
        }
    }

    /// What the server has told arrives, in order, and nothing else.
    fn changed(&mut self, link: u32, bytes: &[u8], [_, a, b, _]: Row) {
        let wire = self.wires.get_mut(&link).expect("a link tells of changes");
        let name = bytes.get(a as usize..b as usize).expect("a name is in bounds");
        let name = (b > 0).then(|| String::from_utf8(name.to_vec()).expect("all names are UTF-8"));
        if !wire.server.lied {
            assert_eq!(wire.server.told.pop_front().as_ref(), Some(&name), "another key was told");
        }
        self.changed.push(name);
    }

    fn write(&mut self, link: u32, bytes: Vec<u8>) {
        let wire = self.wires.get_mut(&link).expect("bytes go to a link");
        assert!(wire.opened, "written before it is open");
        wire.server.input.extend(bytes);
    }

    fn token(&mut self, link: u32, bytes: &[u8], [head, a, b, tag]: Row) {
        let wire = self.wires.get_mut(&link).expect("replies come from a link");
        let kind = (head & 0xff) as u8;
        let flags = (head >> 8) as u8;
        // Of a liar's replies only their order is checked: one after the other, each from its beginning to its end.
        let lies = wire.server.lied;
        let big = &bytes[(b as usize).min(bytes.len())..];
        let big = &big[..big.len().min(a as usize)];
        if kind == Kind::Big as u8 {
            wire.diverted = a as usize - big.len();
            wire.dropped = flags & SKIP != 0;
            if wire.dropped {
                return;
            }
        }
        if flags & FIRST != 0 {
            assert!(wire.building.is_none(), "a reply begins inside another");
            wire.building = Some(Building { tag, ..Building::default() });
        }
        let building = wire.building.as_mut().expect("a reply has a beginning");
        assert_eq!(building.tag, tag);
        building.error |= kind == Kind::Error as u8;
        let texts = [Kind::Simple as u8, Kind::Error as u8, Kind::Bulk as u8];
        if texts.contains(&kind) {
            building.text.extend_from_slice(bytes.get(a as usize..b as usize).expect("a text is in bounds"));
            if flags & MORE == 0 {
                building.text.push(b' ');
            }
        } else if kind == Kind::Big as u8 {
            building.text.extend_from_slice(big);
        } else if kind == Kind::Int as u8 {
            assert!(lies || a == tag, "the number of another command");
        }
        if flags & LAST != 0 {
            let Building { error, text, .. } = wire.building.take().expect("just seen");
            if !lies {
                self.recognise(tag, text, error);
            }
            self.end(tag, if error { Ended::Error } else { Ended::Replied });
        }
    }

    /// Every reply tells whose it is.
    fn recognise(&self, tag: u32, text: Vec<u8>, error: bool) {
        let text = String::from_utf8(text).expect("all texts are ASCII");
        let Command { key, executed, .. } = &self.commands[tag as usize];
        let own = |part: &str| {
            part == key || part.starts_with(key.as_str()) && part.trim_end_matches('x').len() <= key.len()
        };
        assert!(text.is_empty() || text.split(' ').any(own), "command {tag} got {text:.80}");
        if error {
            return;
        }
        if let Some((_, size)) = key.split_once('.') {
            assert_eq!(text.trim_end().len(), size.parse::<usize>().expect("a size").max(key.len()));
        }
        assert!(*executed > 0, "a reply to what was never executed");
    }

    pub fn end(&mut self, tag: u32, how: Ended) {
        let command = self.commands.get_mut(tag as usize).expect("a tag of ours");
        assert!(!command.abandoned, "command {tag} had been abandoned: {how:?}");
        assert_eq!(command.ended, None, "command {tag} ends twice, now with {how:?}");
        command.ended = Some(how);
        if let Ended::Rejected { sent, failure, .. } = how {
            assert!(failure <= Failure::TooLarge as u32 && sent <= Sent::Maybe as u32);
        }
    }
}
