//! The client, and the futures that it hands out.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::manager::{Policy, Stats};
use crate::time;

use super::command::{Command, ToArgs};
use super::engine::Engine;
use super::failure;
use super::from_reply::{FromReplies, FromReply};
use super::mailbox::{Mailbox, Request, Status};
use super::options::millis;
use super::reply::Reply;
use super::runtime::Runtime;
use super::{Error, ErrorKind, Options};

/// Shared by the handles, and released by the last one.
struct Handle {
    mailbox: Rc<Mailbox>,
    runtime: Rc<dyn Runtime>,
    server: String,
    policy: Policy,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.mailbox.released.set(true);
        self.mailbox.wake();
    }
}

/// A connection to Redis that looks after itself. Clones share it; it is closed when the last of them, and the last call,
/// is dropped.
///
/// Commands that are issued before anybody waits leave in one write, in the order in which they were first polled. A link
/// that is lost is dialled again at once; what was not sent waits for it, read-only commands are sent again, and the callers
/// of others are told that the server may have executed them ([`Error::sent`]). While the server cannot be reached commands
/// fail at once with [`ErrorKind::Disabled`]; one of them every now and then tries it anew, and waits for that. On Workers
/// all clients of an isolate know of an outage together, so that not every request waits for what does not answer.
///
/// # Whose it is
///
/// On Workers a socket belongs to the request that opened it: what is read or awaited in another hangs until the isolate is
/// evicted. So a client belongs to one request, or to one Durable Object, and its type sees to it: it is neither [`Send`]
/// nor [`Sync`], so that it cannot be put into a `static`. What `thread_local!` would still let through fails with
/// [`ErrorKind::Usage`] in every request but its own.
///
/// ```compile_fail
/// static REDIS: std::sync::OnceLock<edgis::Client> = std::sync::OnceLock::new();
/// ```
///
/// To share one connection between requests put the client into a Durable Object, whose requests may share sockets.
#[derive(Clone)]
pub struct Client {
    handle: Rc<Handle>,
    policy: Policy,
}

impl Client {
    /// A client that connects with its first command. Options that make no sense are told by every command, and by
    /// [`Client::ready`].
    pub fn on(runtime: impl Runtime + 'static, options: impl Into<Options>) -> Client {
        let options = options.into();
        let runtime: Rc<dyn Runtime> = Rc::new(runtime);
        let engine = Engine::new(runtime.clone(), &options);
        let policy = options.policy();
        let handle = Handle {
            mailbox: engine.mailbox(),
            server: engine.server().into(),
            runtime: runtime.clone(),
            policy,
        };
        runtime.spawn(Box::pin(engine));
        Client { handle: Rc::new(handle), policy }
    }

    /// A client whose connection is ready.
    ///
    /// # Errors
    ///
    /// Those of [`Client::ready`]. To go on without Redis use [`Client::on`].
    pub async fn connect_on(
        runtime: impl Runtime + 'static,
        options: impl Into<Options>,
    ) -> Result<Client, Error> {
        let client = Client::on(runtime, options);
        client.ready().await?;
        Ok(client)
    }

    /// Waits for the connection, at most for the connect timeout. All who wait at a time wait for the same dial.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], [`ErrorKind::Connect`] or [`ErrorKind::Auth`] with what happened at each address and what to do
    /// about it. It may be called again: a server that is away is dialled again once its backoff has passed.
    pub async fn ready(&self) -> Result<(), Error> {
        self.handle.check()?;
        match self.handle.mailbox.connection() {
            Some(connection) => connection.await,
            None => Err(failure::closed()),
        }
    }

    /// One command. It is sent when the future is first polled; dropped before its reply has come, it leaves the replies of
    /// all others where they belong.
    ///
    /// ```no_run
    /// # async fn example(redis: &edgis::Client) -> Result<(), edgis::Error> {
    /// let _: () = redis.call(("SET", "greeting", "hello", "EX", 60)).await?;
    /// let greeting: Option<String> = redis.call(("GET", "greeting")).await?;
    /// let visits = redis.call::<u64>(("INCR", "visits")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. An error of the server is [`ErrorKind::Reply`]; a reply of another type than the one that was asked
    /// for is [`ErrorKind::Type`]. Commands that would break a link that others share are refused as [`ErrorKind::Usage`].
    pub fn call<T: FromReply>(&self, args: impl ToArgs) -> Call<T> {
        Call { batch: Batch::new(self, vec![Command::of(args)]), reply: PhantomData }
    }

    /// Sends several commands in one write. They are not a transaction.
    ///
    /// ```no_run
    /// # async fn example(redis: &edgis::Client) -> Result<(), edgis::Error> {
    /// let (visits, name): (u64, Option<String>) =
    ///     redis.pipeline().cmd(("INCR", "visits")).cmd(("GET", "name")).query().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pipeline(&self) -> Pipeline {
        Pipeline { client: self.clone(), commands: Vec::new() }
    }

    /// The state of the connection.
    pub fn status(&self) -> Status {
        self.handle.mailbox.status.borrow().clone()
    }

    /// Counters so far.
    pub fn stats(&self) -> Stats {
        self.handle.mailbox.stats.get()
    }

    /// The same connection, with another time for a command.
    #[must_use]
    pub fn with_command_timeout(&self, timeout: Duration) -> Client {
        let mut client = self.clone();
        client.policy.command = duration(timeout);
        client
    }
}

impl Handle {
    /// Whether the caller may use the connection.
    fn check(&self) -> Result<(), Error> {
        if self.runtime.is_here() {
            return Ok(());
        }
        let text = "this client was made in another request, or outside of any: make one in each request, or keep one in a \
                    Durable Object";
        Err(Error::new(ErrorKind::Usage, text.into()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.handle.mailbox.status.borrow().state;
        let server = &self.handle.server;
        let policy = &self.handle.policy;
        f.debug_struct("Client")
            .field("server", server)
            .field("state", &state.name())
            .field("connect_timeout", &policy.connect)
            .finish_non_exhaustive()
    }
}

fn duration(timeout: Duration) -> time::Duration {
    time::Duration::from_millis(u64::from(millis(timeout)))
}

/// Commands that leave together when they are first polled.
struct Batch {
    handle: Rc<Handle>,
    policy: Policy,
    commands: Vec<Command>,
    names: Vec<String>,
    request: Option<Rc<Request>>,
    done: bool,
}

impl Batch {
    fn new(client: &Client, commands: Vec<Command>) -> Batch {
        let names = commands.iter().map(|command| command.name().into_owned()).collect();
        Batch {
            handle: client.handle.clone(),
            policy: client.policy,
            commands,
            names,
            request: None,
            done: false,
        }
    }

    fn set_timeout(&mut self, timeout: Duration) {
        self.policy.command = duration(timeout);
        self.policy.total = true;
    }

    fn send(&mut self) -> Result<Rc<Request>, Error> {
        self.handle.check()?;
        for command in &self.commands {
            if let Some(problem) = command.problem() {
                return Err(Error::new(ErrorKind::Usage, problem.into()));
            }
        }
        let request = Request::new(std::mem::take(&mut self.commands), self.policy);
        if !request.is_settled() && !self.handle.mailbox.post(&request) {
            return Err(failure::closed());
        }
        Ok(request)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Result<Reply, Error>>, Error>> {
        assert!(!self.done, "polled after it was ready");
        let request = match &self.request {
            Some(request) => request,
            None => match self.send() {
                Ok(request) => &*self.request.insert(request),
                Err(error) => {
                    self.done = true;
                    let name = self.names.first().filter(|_| self.names.len() == 1);
                    return Poll::Ready(Err(name.map_or(error.clone(), |name| error.of_command(name))));
                }
            },
        };
        let results = std::task::ready!(request.poll(cx));
        self.done = true;
        Poll::Ready(Ok(results))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(request) = self.request.take().filter(|_| !self.done) {
            self.handle.mailbox.abandon(&request);
        }
    }
}

/// A command on its way; see [`Client::call`].
#[must_use = "nothing is sent before it is awaited"]
pub struct Call<T> {
    batch: Batch,
    reply: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    /// The time for everything, the wait for a link included, from now on. Instead of the client's two timeouts.
    pub fn timeout(mut self, timeout: Duration) -> Call<T> {
        self.batch.set_timeout(timeout);
        self
    }
}

impl<T: FromReply> Future for Call<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let results = std::task::ready!(self.batch.poll(cx))?;
        let result = results.into_iter().next().unwrap_or(Ok(Reply::Null));
        let name = &self.batch.names[0];
        Poll::Ready(T::from_result(result).map_err(|error| error.of_command(name)))
    }
}

/// Commands that leave in one write; see [`Client::pipeline`]. Its `Debug` shows how many they are.
#[must_use = "nothing is sent before its query is awaited"]
pub struct Pipeline {
    client: Client,
    commands: Vec<Command>,
}

impl Pipeline {
    /// Appends a command.
    pub fn cmd(mut self, args: impl ToArgs) -> Pipeline {
        self.push(args);
        self
    }

    /// Appends a command, in a loop.
    pub fn push(&mut self, args: impl ToArgs) {
        self.commands.push(Command::of(args));
    }

    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Sends the commands when it is first polled. The replies come as a tuple of as many, or as a `Vec`.
    ///
    /// The commands do not depend on each other: where one fails the others are executed all the same. The first error is
    /// that of the whole, unless `Result` is asked for in its place.
    ///
    /// ```no_run
    /// # async fn example(redis: &edgis::Client) -> Result<(), edgis::Error> {
    /// use edgis::Error;
    ///
    /// let mut pipeline = redis.pipeline();
    /// for id in 0..100 {
    ///     pipeline.push(("GET", format!("user:{id}")));
    /// }
    /// let users: Vec<Result<Option<String>, Error>> = pipeline.query().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn query<T: FromReplies>(self) -> Query<T> {
        Query { batch: Batch::new(&self.client, self.commands), replies: PhantomData }
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline({} commands)", self.len())
    }
}

/// A pipeline on its way; see [`Pipeline::query`].
#[must_use = "nothing is sent before it is awaited"]
pub struct Query<T> {
    batch: Batch,
    replies: PhantomData<fn() -> T>,
}

impl<T> Query<T> {
    /// The time for each command, the wait for a link included, from now on. Instead of the client's two timeouts.
    pub fn timeout(mut self, timeout: Duration) -> Query<T> {
        self.batch.set_timeout(timeout);
        self
    }
}

impl<T: FromReplies> Future for Query<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let results = std::task::ready!(self.batch.poll(cx))?;
        let names = &self.batch.names;
        let named = results.into_iter().zip(names);
        let results = named.map(|(result, name)| result.map_err(|error| error.of_command(name))).collect();
        Poll::Ready(T::from_replies(results))
    }
}

macro_rules! debug_names {
    ($($future:ident),*) => {$(
        impl<T> fmt::Debug for $future<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($future), "({})"), self.batch.names.join(", "))
            }
        }
    )*};
}

debug_names!(Call, Query);
