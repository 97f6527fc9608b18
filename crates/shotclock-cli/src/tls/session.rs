//! One connection's TLS: it turns bytes into others, and never waits by itself.

use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rustls::Connection;
use shotclock::{Error, MessageFlags, Result, Timed};

use super::failure::{cut_off, protocol};

/// What is received at once: no record is longer by much.
const CIPHERTEXT: usize = 16 << 10;

/// For two threads at most: one that receives, one that sends. Neither holds the state while it waits.
pub(crate) struct Session {
    state: Mutex<State>,
    /// Held while records go out, so that they go in their order.
    sending: Mutex<()>,
}

struct State {
    connection: Connection,
    /// What has come and was not taken yet: of one receive at most.
    plain: Vec<u8>,
    has_ended: bool,
}

impl Session {
    /// Makes the handshake, under the view's limits.
    pub(super) fn begin(connection: Connection, view: Timed<'_>) -> Result<Self> {
        let state = State { connection, plain: Vec::new(), has_ended: false };
        let session = Self { state: Mutex::new(state), sending: Mutex::new(()) };
        loop {
            session.send_records(view)?;
            if !session.state().connection.is_handshaking() {
                return Ok(session);
            }
            session.receive_records(view)?;
        }
    }

    /// What came, once something has; nothing is the end of the data, which the other side has said.
    pub(crate) fn recv_into(&self, view: Timed<'_>, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if let Some(len) = self.state().take(buffer) {
                return Ok(len);
            }
            self.receive_records(view)?;
        }
    }

    pub(crate) fn sendall(&self, view: Timed<'_>, data: &[u8]) -> Result<()> {
        let _turn = self.turn();
        let records = self.state().sealed(data)?;
        view.sendall(&records)
    }

    /// Says that no more comes from here.
    pub(crate) fn end(&self, view: Timed<'_>) -> Result<()> {
        self.state().connection.send_close_notify();
        self.send_records(view)
    }

    /// Which version and cipher, for people.
    pub(crate) fn description(&self) -> String {
        let state = self.state();
        let version =
            state.connection.protocol_version().and_then(|version| version.as_str().map(|name| name.replace('_', ".")));
        let cipher = state.connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        format!("{}, {}", version.unwrap_or_default(), cipher.unwrap_or_default())
    }

    fn send_records(&self, view: Timed<'_>) -> Result<()> {
        let _turn = self.turn();
        let records = self.state().sealed(&[])?;
        if records.is_empty() { Ok(()) } else { view.sendall(&records) }
    }

    fn receive_records(&self, view: Timed<'_>) -> Result<()> {
        let mut ciphertext = [0; CIPHERTEXT];
        let len = view.recv_into(&mut ciphertext)?;
        let opened = self.state().open(&ciphertext[..len]);
        if opened.is_err() {
            self.send_alert(view);
        }
        opened
    }

    /// Tells the other side why it ends here, if nobody is sending and it goes at once.
    fn send_alert(&self, view: Timed<'_>) {
        let turn = match self.sending.try_lock() {
            Err(TryLockError::WouldBlock) => return,
            turn => turn,
        };
        let records = self.state().sealed(&[]);
        let _the_error_is_told = records.and_then(|records| view.with_flags(MessageFlags::DONTWAIT).send(&records));
        drop(turn);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What has come already; `None` if more has to be received first.
    fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.plain.is_empty() {
            return self.has_ended.then_some(0);
        }
        let len = buffer.len().min(self.plain.len());
        buffer[..len].copy_from_slice(&self.plain[..len]);
        self.plain.drain(..len);
        Some(len)
    }

    /// The records that are to go out: those that were due, and the data's.
    fn sealed(&mut self, mut data: &[u8]) -> Result<Vec<u8>> {
        let mut records = Vec::new();
        let failed = |error| Error::other("tls", error);
        loop {
            // It takes so much at once and no more, until its records are taken.
            let taken = if data.is_empty() { 0 } else { self.connection.writer().write(data).map_err(failed)? };
            data = &data[taken..];
            while self.connection.wants_write() {
                self.connection.write_tls(&mut records).map_err(failed)?;
            }
            if data.is_empty() {
                return Ok(records);
            }
        }
    }

    /// Takes records apart; no bytes are the end of the connection.
    fn open(&mut self, mut records: &[u8]) -> Result<()> {
        if records.is_empty() {
            return Err(cut_off());
        }
        while !records.is_empty() && !self.has_ended {
            self.connection.read_tls(&mut records).map_err(|error| Error::other("tls", error))?;
            let state = self.connection.process_new_packets().map_err(protocol)?;
            let begun = self.plain.len();
            self.plain.resize(begun + state.plaintext_bytes_to_read(), 0);
            let read = self.connection.reader().read_exact(&mut self.plain[begun..]);
            read.map_err(|error| Error::other("tls", error))?;
            self.has_ended = state.peer_has_closed();
        }
        Ok(())
    }
}
