//! Cloudflare Workers: `worker::Socket`, the runtime's timers and its task queue.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use worker::js_sys::{Date, Math};
use worker::wasm_bindgen_futures::spawn_local;
use worker::{Delay, SecureTransport, Socket};

use super::place::Place;
use super::runtime::{Endpoint, Outages, Runtime, Stream, Trouble};
use super::{Client, Error, Options};

thread_local! {
    /// The isolate's. There is nothing in it that belongs to a request.
    static OUTAGES: Outages = Outages::default();
}

/// The request, or the Durable Object, that makes it: sockets and timers are its own.
#[derive(Debug)]
pub struct Workers {
    place: Option<Place>,
}

impl Workers {
    /// For the request that is being answered.
    pub fn new() -> Workers {
        Workers { place: Place::here() }
    }
}

impl Default for Workers {
    fn default() -> Workers {
        Workers::new()
    }
}

impl Client {
    /// A client for the request that is being answered, or for the Durable Object that is being made. It connects with its
    /// first command. Options that make no sense are told by every command, and by [`Client::ready`].
    ///
    /// ```no_run
    /// # async fn handler(env: worker::Env) -> worker::Result<worker::Response> {
    /// use edgis::Client;
    ///
    /// let redis = Client::new(env.var("REDIS_URL")?.to_string());
    /// let visits: u64 = redis.call(("INCR", "visits")).await?;
    /// # worker::Response::ok(visits.to_string())
    /// # }
    /// ```
    pub fn new(options: impl Into<Options>) -> Client {
        Client::on(Workers::new(), options)
    }

    /// The same, once its connection is ready.
    ///
    /// ```no_run
    /// # async fn handler() -> Result<(), edgis::Error> {
    /// use edgis::{Client, Options};
    /// use std::time::Duration;
    ///
    /// let options = Options::new("rediss://cache.example").connect_timeout(Duration::from_millis(500));
    /// let redis = Client::connect(options).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Client::ready`].
    pub async fn connect(options: impl Into<Options>) -> Result<Client, Error> {
        Client::connect_on(Workers::new(), options).await
    }
}

impl From<Error> for worker::Error {
    /// So that `?` does in a handler.
    fn from(error: Error) -> worker::Error {
        worker::Error::RustError(error.to_string())
    }
}

impl Runtime for Workers {
    /// It stands still between the events of a request.
    fn now(&self) -> Duration {
        Duration::from_secs_f64(Date::now().max(0.0) / 1_000.0)
    }

    fn seed(&self) -> u64 {
        // Outside of a request, asking for a random number would end the instance.
        if self.place.is_some() {
            Math::random().to_bits()
        } else {
            0
        }
    }

    fn open(
        &self,
        endpoint: &Endpoint,
        tls: bool,
    ) -> LocalBoxFuture<'static, Result<Box<dyn Stream>, Trouble>> {
        let endpoint = endpoint.clone();
        Box::pin(async move {
            let Endpoint::Tcp { host, port } = endpoint else {
                let text = "Workers have no Unix sockets: use a redis:// or rediss:// URL".into();
                return Err(Trouble { code: "ERUNTIME", text });
            };
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            let transport = if tls { SecureTransport::On } else { SecureTransport::Off };
            let socket = Socket::builder().secure_transport(transport).connect(host, port);
            let socket = OwnSocket(Some(socket.map_err(|error| trouble(&error.to_string(), tls))?));
            if let Some(socket) = &socket.0 {
                socket.opened().await.map_err(|error| trouble(&error.to_string(), tls))?;
            }
            Ok(Box::new(socket) as Box<dyn Stream>)
        })
    }

    fn delay(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        Box::pin(Delay::from(duration))
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        spawn_local(task);
    }

    /// All requests of an isolate know of an outage when one has found out.
    fn outages(&self) -> Outages {
        OUTAGES.with(Outages::clone)
    }

    fn is_here(&self) -> bool {
        self.place.as_ref().is_some_and(Place::is_here)
    }
}

/// The runtime tells what happened in words only, and of a connection that cannot be made it does not tell why.
fn trouble(message: &str, tls: bool) -> Trouble {
    if message.contains("cannot connect to the specified address") {
        let certificate = if tls { ", or its certificate is not trusted" } else { "" };
        let text = format!(
            "{message} (Workers do not say why: nothing listens there, the name is unknown, the address is private or \
             Cloudflare's own{certificate})"
        );
        return Trouble { code: "EHOSTUNREACH", text };
    }
    let lower = message.to_ascii_lowercase();
    let code = if lower.contains("tls") || lower.contains("certificate") {
        "ERR_TLS_HANDSHAKE"
    } else {
        "ECONNRESET"
    };
    Trouble { code, text: message.to_string() }
}

/// A socket that is closed when it is dropped: the runtime would keep it until its request has ended.
struct OwnSocket(Option<Socket>);

impl Drop for OwnSocket {
    fn drop(&mut self) {
        if let Some(mut socket) = self.0.take() {
            // The close begins with the first poll. Its outcome does not matter, but the runtime complains about an unhandled
            // rejection.
            spawn_local(async move {
                let _ = socket.close().await;
            });
        }
    }
}

impl OwnSocket {
    fn with<T>(&mut self, poll: impl FnOnce(Pin<&mut Socket>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.0 {
            Some(socket) => poll(Pin::new(socket)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for OwnSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|socket| socket.poll_read(cx, buffer))
    }
}

impl AsyncWrite for OwnSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|socket| socket.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|socket| socket.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|socket| socket.poll_shutdown(cx))
    }
}
