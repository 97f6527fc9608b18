//! One place for each function that is replaced, as a type: the compiler makes the functions of each.

use crate::hooks::slot::Slot;

/// Such a place.
pub(super) trait Place {
    fn slot() -> &'static Slot;
}

macro_rules! places {
    ($($place:ident)*) => {
        $(
            pub(super) enum $place {}

            impl Place for $place {
                fn slot() -> &'static Slot {
                    static SLOT: Slot = Slot::new();
                    &SLOT
                }
            }
        )*
    };
}

places! {
    Sleep
    Select
    Poll
    Epoll
    LockAcquire
    LockAcquireLock
    LockEnter
    RlockAcquire
    RlockEnter
    SemlockAcquire
    SemlockEnter
    Join
    QueueGet
    Read
    Readv
    Readinto
    Write
    Writev
    EventfdRead
    EventfdWrite
    Sendfile
    Splice
    FileRead
    FileReadall
    FileReadinto
    FileWrite
    Waitpid
    Wait
    Wait3
    Wait4
    Waitid
    Sigwait
    Sigwaitinfo
    Sigtimedwait
    Pause
    Flock
    Fork
    Forkpty
    ForkExec
    Lockf
    Fcntl
    PosixLockf
    SetRunningLoop
}
