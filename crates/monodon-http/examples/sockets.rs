//! The load of the benchmark for `WebSocket`: `sockets PORT CONNECTIONS SECONDS BYTES`.
//!
//! Each connection sends a message of so many bytes, waits for its echo, and sends the next. Prints one
//! line of JSON: messages, seconds, latencies in microseconds, and how many connections failed.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use monodon_http::websocket::{FrameHead, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn std::error::Error>;

/// How long after the end the last echo may come.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one connection does.
struct Plan {
    port: u16,
    until: Instant,
    /// What is sent: a masked frame.
    frame: Vec<u8>,
    /// What has to come back: the same message, unmasked.
    echo: Vec<u8>,
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let [port, connections, seconds, bytes] = arguments[..] else {
        return Err("usage: sockets PORT CONNECTIONS SECONDS BYTES".into());
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(run(
        u16::try_from(port)?,
        connections,
        Duration::from_secs(seconds),
        bytes as usize,
    ))
}

async fn run(port: u16, connections: u64, time: Duration, bytes: usize) -> Result<(), Fault> {
    let began = Instant::now();
    let message = "x".repeat(bytes);
    let plan = Rc::new(Plan {
        port,
        until: began + time,
        frame: masked(message.as_bytes()),
        echo: [head(bytes), message.into_bytes()].concat(),
    });
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::task::spawn_local(talk(Rc::clone(&plan))))
        .collect();
    let (mut latencies, mut failed) = (Vec::new(), 0);
    let last = tokio::time::Instant::now() + time + PATIENCE;
    for task in tasks {
        match tokio::time::timeout_at(last, task).await {
            Ok(Ok(Ok(own))) => latencies.extend(own),
            _ => failed += 1,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |percent: usize| {
        let index = latencies.len() * percent / 100;
        latencies.get(index).copied().unwrap_or_default()
    };
    println!(
        "{{\"requests\":{},\"seconds\":{seconds},\"p50\":{},\"p99\":{},\"failed\":{failed}}}",
        latencies.len(),
        at(50),
        at(99),
    );
    Ok(())
}

/// Sends and waits until the time is over. Gives how long each echo took, in microseconds.
async fn talk(plan: Rc<Plan>) -> Result<Vec<u32>, Fault> {
    let mut stream = connect(plan.port).await?;
    let mut latencies = Vec::new();
    // With room to spare: a read that does not fill it tells that nothing more is there.
    let mut back = vec![0; plan.echo.len() + 1];
    let mut sent = Instant::now();
    while sent < plan.until {
        stream.write_all(&plan.frame).await?;
        let mut come = 0;
        while come < plan.echo.len() {
            match stream.read(&mut back[come..]).await? {
                0 => return Err("the connection has ended".into()),
                read => come += read,
            }
        }
        if back[..come] != plan.echo {
            return Err("another message has come back".into());
        }
        let now = Instant::now();
        latencies.push(now.duration_since(sent).as_micros() as u32);
        sent = now;
    }
    Ok(latencies)
}

async fn connect(port: u16) -> Result<TcpStream, Fault> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    if !answer.starts_with(b"HTTP/1.1 101 ") {
        return Err(String::from_utf8_lossy(&answer).into_owned().into());
    }
    Ok(stream)
}

fn head(bytes: usize) -> Vec<u8> {
    let head = FrameHead::new(Kind::Text, true, false, bytes);
    bytes::Buf::chunk(&head).to_vec()
}

/// A frame as clients send it (RFC 6455 section 5.3).
fn masked(message: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = head(message.len());
    frame[1] |= 0x80;
    frame.extend(MASK);
    frame.extend(
        message
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}
