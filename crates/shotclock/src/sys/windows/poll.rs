//! What to wait for, and the one wait.

use std::sync::Arc;

use smallvec::SmallVec;

use super::afd::{Asked, Request};
use super::event::{Event, Seat};
use super::wake::Ring;
use super::{BorrowedHandle, Errno, Readiness};

/// A socket or a bell, and what it is waited for.
pub(crate) struct PollFd<'a> {
    handle: BorrowedHandle<'a>,
    wanted: Readiness,
    found: Readiness,
}

impl<'a> PollFd<'a> {
    pub(crate) fn from_borrowed_fd(handle: BorrowedHandle<'a>, wanted: Readiness) -> Self {
        Self { handle, wanted, found: Readiness::empty() }
    }

    pub(crate) fn revents(&self) -> Readiness {
        self.found
    }
}

/// Waits until one of `fds` is ready, for `nanos` at most; for ever if `None`. It may end for no reason.
pub(crate) fn poll(fds: &mut [PollFd<'_>], nanos: Option<u64>) -> Result<usize, Errno> {
    let Some(inside) = enter(fds) else { return Ok(1) };
    Seat::with(|seat| {
        seat.event.reset();
        // Beginning it resets the event: a bell that rang before is seen as one that has rung.
        let mut request = Request::begin(inside, &seat.event)?;
        let listening = Listening::to(fds, &seat.event);
        if nanos != Some(0) && !request.is_done() && !listening.has_rung {
            seat.wait(nanos)?;
        }
        drop(listening);
        request.end()?;
        let mut found = request.found();
        for fd in &mut *fds {
            fd.found = match fd.handle.bell() {
                Some(bell) if bell.has_rung() => Readiness::IN,
                Some(_) => Readiness::empty(),
                None => found.next().unwrap_or(Readiness::empty()),
            };
        }
        Ok(fds.iter().filter(|fd| !fd.found.is_empty()).count())
    })
}

/// Is inside with all of the sockets; `None` where one of them is closed, which then has ended.
fn enter<'a>(fds: &mut [PollFd<'a>]) -> Option<SmallVec<[Asked<'a>; 4]>> {
    let mut inside = SmallVec::new();
    for fd in fds.iter_mut().filter(|fd| fd.handle.bell().is_none()) {
        match fd.handle.enter() {
            Ok(entered) => inside.push(Asked::of(fd.handle, entered, fd.wanted)),
            Err(_) => {
                fd.found = Readiness::HUP;
                return None;
            }
        }
    }
    Some(inside)
}

/// In which of the `wanted` ways the socket is ready now, or that it has ended; never waits.
pub(crate) fn readiness(fd: BorrowedHandle<'_>, wanted: Readiness) -> Result<Readiness, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(fd, wanted)];
    poll(&mut fds, Some(0))?;
    Ok(fds[0].revents())
}

/// The bells that set the event until this is dropped.
struct Listening<'a> {
    bells: SmallVec<[&'a Ring; 4]>,
    event: &'a Arc<Event>,
    /// One of them has rung before.
    has_rung: bool,
}

impl<'a> Listening<'a> {
    fn to(fds: &[PollFd<'a>], event: &'a Arc<Event>) -> Self {
        let mut listening =
            Self { bells: fds.iter().filter_map(|fd| fd.handle.bell()).collect(), event, has_rung: false };
        for bell in &listening.bells {
            listening.has_rung |= !bell.enter(event);
        }
        listening
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.bells.iter().for_each(|bell| bell.leave(self.event));
    }
}
