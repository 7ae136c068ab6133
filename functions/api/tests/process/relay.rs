//! A relay of bytes between a function and its table. On demand, it loses its connections.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// The way in which connections are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The table closes the connections.
    Close,
    /// The table resets the connections.
    Reset,
    /// The connections stay open for the function, but transport nothing.
    Silence,
}

/// One connection of the function.
struct Connection {
    lose: oneshot::Sender<Loss>,
    /// The task that serves the connection until its end. Returns the function's side of a silent
    /// connection, which must stay open.
    task: JoinHandle<Option<TcpStream>>,
}

/// A running relay, which ends with the test's runtime.
pub(crate) struct Relay {
    endpoint: String,
    connections: Arc<Mutex<Vec<Connection>>>,
    silent: Vec<TcpStream>,
    pass_answers: watch::Sender<bool>,
}

impl Relay {
    /// Starts a relay to the table at `table`.
    pub(crate) async fn to(table: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let table = table.strip_prefix("http://").unwrap().to_owned();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (pass_answers, receiver) = watch::channel(true);
        let made = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (lose, ending) = oneshot::channel();
                let (table, receiver) = (table.clone(), receiver.clone());
                let task =
                    tokio::spawn(async move { serve(client, &table, ending, receiver).await });
                made.lock().unwrap().push(Connection { lose, task });
            }
        });
        Self {
            endpoint,
            connections,
            silent: Vec::new(),
            pass_answers,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Forwards the table's responses if `pass` is true. Otherwise holds the responses.
    pub(crate) fn pass_answers(&self, pass: bool) {
        self.pass_answers.send_replace(pass);
    }

    /// Loses every open connection and returns their number. Later connections work.
    pub(crate) async fn lose(&mut self, loss: Loss) -> usize {
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        let mut open = 0;
        for Connection { lose, task } in connections {
            // `send` fails for a connection that has ended by itself.
            open += usize::from(lose.send(loss).is_ok());
            self.silent.extend(task.await.unwrap());
        }
        open
    }
}

/// Serves a connection until it is lost or ends by itself.
async fn serve(
    mut client: TcpStream,
    table: &str,
    ending: oneshot::Receiver<Loss>,
    pass_answers: watch::Receiver<bool>,
) -> Option<TcpStream> {
    let mut table = TcpStream::connect(table).await.unwrap();
    let loss = tokio::select! {
        _ = pass(&mut client, &mut table, pass_answers) => return None,
        loss = ending => loss.ok()?,
    };
    match loss {
        Loss::Close => None,
        Loss::Reset => {
            client.set_zero_linger().unwrap();
            None
        }
        Loss::Silence => Some(client),
    }
}

/// Forwards bytes in both directions until one end closes.
async fn pass(
    client: &mut TcpStream,
    table: &mut TcpStream,
    mut pass_answers: watch::Receiver<bool>,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_table, mut to_table) = table.split();
    let requests = tokio::io::copy(&mut from_client, &mut to_table);
    let answers = async {
        let mut bytes = Vec::new();
        while from_table.read_buf(&mut bytes).await? > 0 {
            // `wait_for` fails only at the end of the relay, which also ends the connection.
            let _ = pass_answers.wait_for(|pass| *pass).await;
            to_client.write_all(&bytes).await?;
            bytes.clear();
        }
        Ok(())
    };
    tokio::select! {
        copied = requests => copied.map(|_| ()),
        copied = answers => copied,
    }
}
