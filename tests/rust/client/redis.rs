//! A throwaway Redis server on a free loopback port.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edgis::Client;

use crate::native::{until, Native};

pub struct Redis {
    process: Option<Child>,
    pub port: u16,
    arguments: Vec<String>,
}

/// The server's binary, as the tests in JavaScript find theirs.
fn binary() -> String {
    if let Ok(binary) = std::env::var("EDGIS_REDIS_SERVER") {
        return binary;
    }
    let runs = |name: &&str| {
        let version =
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let found = ["redis-server", "valkey-server"].into_iter().find(runs);
    found.expect("no redis-server: run scripts/setup.sh redis and source target/setup/env.sh").to_string()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

impl Redis {
    pub async fn start() -> Redis {
        Redis::start_with(&[]).await
    }

    pub async fn start_with(arguments: &[&str]) -> Redis {
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        let mut redis = Redis { process: None, port: free_port(), arguments };
        redis.restart().await;
        redis
    }

    /// Brings it up again on its port.
    pub async fn restart(&mut self) {
        let folder = std::env::temp_dir();
        let process = Command::new(binary())
            .current_dir(folder)
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.process = Some(process);
        let port = self.port;
        until(async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub async fn client(&self) -> Client {
        Client::connect_on(Native::new(), self.url()).await.expect("the server answers")
    }

    /// How many connections it has besides the observer's own.
    pub async fn connections(&self, observer: &Client) -> usize {
        let list: String = observer.call(("CLIENT", "LIST")).await.expect("a list");
        list.lines().count() - 1
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

pub async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
