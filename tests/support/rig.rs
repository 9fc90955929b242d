//! The far end of the end-to-end tests: a real server whose faults come from Toxiproxy. See `tests/rig`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// Says a line that is seen even where the test passes: the harness keeps back what `println!` says.
///
/// # Panics
/// When standard output is closed.
pub fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody listens");
}

/// A running rig; it ends with this.
pub struct Rig {
    child: Child,
    toxiproxy: String,
    upstream: String,
}

impl Rig {
    /// Starts the program that `SEAWALL_RIG` names. `None`, and a line that says why, when there is none.
    ///
    /// # Panics
    /// When it does not start, or when `REQUIRE_ALL` forbids to go without.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("SEAWALL_RIG") else {
            let must = std::env::var("REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(!must, "SEAWALL_RIG is not set, and REQUIRE_ALL is");
            say("SKIP: SEAWALL_RIG is not set; `cargo xtask test` builds the rig and sets it");
            return None;
        };
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the rig starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("a line of JSON");
        let places: Value = serde_json::from_str(&line).expect("a line of JSON");
        let place = |name: &str| places[name].as_str().expect("an address").to_owned();
        Some(Self {
            toxiproxy: place("toxiproxy").replace("http://", ""),
            upstream: place("upstream"),
            child,
        })
    }

    /// The address of the server itself.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let mut stream = TcpStream::connect(&self.toxiproxy).expect("Toxiproxy listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// A proxy of this name in front of the server.
    #[must_use]
    pub fn proxy(&self, name: &str) -> Proxy<'_> {
        let made = self.ask(
            "POST",
            "/proxies",
            &json!({"name": name, "listen": "127.0.0.1:0", "upstream": self.upstream}),
        );
        Proxy {
            rig: self,
            name: name.to_owned(),
            address: made["listen"].as_str().expect("an address").to_owned(),
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A way to the server that can be spoilt.
pub struct Proxy<'a> {
    rig: &'a Rig,
    name: String,
    address: String,
}

impl Proxy<'_> {
    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Puts a fault in, for as long as the answer lives.
    #[must_use]
    pub fn toxic(&self, kind: &str, attributes: Value) -> Toxic<'_> {
        let toxic = json!({"name": "fault", "type": kind, "attributes": attributes});
        self.rig
            .ask("POST", &format!("/proxies/{}/toxics", self.name), &toxic);
        Toxic(self)
    }

    /// Stops listening, or listens again.
    pub fn enable(&self, is_up: bool) {
        let path = format!("/proxies/{}", self.name);
        self.rig.ask("POST", &path, &json!({"enabled": is_up}));
    }
}

/// A fault; gone when dropped.
pub struct Toxic<'a>(&'a Proxy<'a>);

impl Drop for Toxic<'_> {
    fn drop(&mut self) {
        let path = format!("/proxies/{}/toxics/fault", self.0.name);
        self.0.rig.ask("DELETE", &path, &Value::Null);
    }
}
