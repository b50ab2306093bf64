//! Commands that would break a link which others share, and what to use instead.

/// Why a command may not be sent through `call()`. The numbers are part of the boundary to the shell.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// SUBSCRIBE, UNSUBSCRIBE and kin: the state of the link.
    Subscription = 1,
    /// MONITOR: the link is for nothing else from then on.
    Monitor = 2,
    /// MULTI, EXEC, DISCARD, WATCH, UNWATCH: everybody's commands would land in one transaction.
    Transaction = 3,
    /// SELECT: everybody's next command would go to another database.
    Select = 4,
    /// AUTH: everybody's next command would run as another user.
    Auth = 5,
    /// HELLO: everybody's next reply would have another form.
    Hello = 6,
    /// RESET: undoes the handshake.
    Reset = 7,
    /// QUIT: ends the link of all handles.
    Quit = 8,
    /// CLIENT REPLY: replies would go missing, so that all later ones would go to the wrong callers.
    ClientReply = 9,
    /// CLIENT TRACKING, CLIENT CACHING: would turn on invalidations that are not expected, or turn off the cache's.
    Tracking = 10,
    /// SYNC, PSYNC, REPLCONF: the link becomes a replica's.
    Replication = 11,
    /// READONLY, READWRITE: everybody's reads would change.
    ReadMode = 12,
    /// ASKING: it would apply to the next command of any caller.
    Asking = 13,
    /// BLPOP, WAIT, XREAD BLOCK and kin: everybody's commands would wait behind it.
    Blocking = 14,
    /// SCRIPT DEBUG: the next script would turn the link into a debugger's.
    Debugger = 15,
}

impl Refusal {
    const ALL: [Self; 15] = [
        Self::Subscription,
        Self::Monitor,
        Self::Transaction,
        Self::Select,
        Self::Auth,
        Self::Hello,
        Self::Reset,
        Self::Quit,
        Self::ClientReply,
        Self::Tracking,
        Self::Replication,
        Self::ReadMode,
        Self::Asking,
        Self::Blocking,
        Self::Debugger,
    ];

    /// From its number at the boundary.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// One sentence that follows the command's name, as in "SELECT " + text: why, and the API to use instead.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Subscription => {
                "would turn the shared link into a subscriber's: subscriptions need a link of their own, which \
                 edgis does not offer yet"
            }
            Self::Monitor => "would take over the shared link: run `redis-cli MONITOR` instead",
            Self::Transaction => {
                "would put the commands of everyone who shares the link into one transaction: make the steps \
                 atomic in a script, with call(\"EVAL\", script, keys, ...) or a function with call(\"FCALL\", ...)"
            }
            Self::Select => {
                "would move everyone who shares the link to another database: name the database in the URL, \
                 createClient({ url: \"redis://host:6379/2\" })"
            }
            Self::Auth => {
                "would change the user of everyone who shares the link: put the credentials into the URL, \
                 createClient({ url: \"rediss://user:password@host:6379\" })"
            }
            Self::Hello => {
                "would change the protocol of everyone who shares the link: use createClient({ protocol: 2 }) \
                 or 3; credentials and `name` are options too"
            }
            Self::Reset => "would undo the handshake of the shared link: use close() and a new createClient()",
            Self::Quit => "would end the link of everyone who shares it: use close(), which ends this handle alone",
            Self::ClientReply => {
                "would leave the commands of everyone who shares the link without replies: just do not await \
                 the promise of a command whose reply does not matter"
            }
            Self::Tracking => {
                "would change which invalidations the shared link receives: createCache() of edgis/cache asks for what its \
                 cache in memory needs"
            }
            Self::Replication => "would turn the shared link into a replica's: run `redis-cli --rdb` or a replica",
            Self::ReadMode => {
                "would change where everyone who shares the link reads: give createClient() the URL of the node \
                 to read from"
            }
            Self::Asking => "would hold for whichever command comes next on the shared link: cluster redirects are not supported yet",
            Self::Blocking => {
                "would hold up everyone who shares the link: blocking commands are refused until they have their \
                 own links; poll with the form that does not block"
            }
            Self::Debugger => "would turn the shared link into a debugger's: run `redis-cli --ldb` instead",
        }
    }
}
