//! The list of tries that need O_NONBLOCK, as a program of Rust's takes it in: the flag is put back by the last of them,
//! however many there are.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(unsafe_code, reason = "numbers are turned into descriptors, as the Python crate does")]

#[allow(dead_code, reason = "not all of it is tested without an interpreter")]
#[path = "../src/socket/unblocked.rs"]
mod unblocked;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use shotclock::unstable::syscall;
use shotclock::{Family, Kind};
use unblocked::{Before, Unblocked};

/// In Python the interpreter's lock, without which nobody begins or ends a try.
static INTERPRETER: Mutex<()> = Mutex::new(());

fn blocking_pair() -> [OwnedFd; 2] {
    syscall::socketpair(Family::UNIX.0, Kind::STREAM.0, 0).unwrap().into()
}

fn begun(fd: &OwnedFd) -> Unblocked {
    let begun = Unblocked::on(fd.as_raw_fd());
    begun.make_sure(fd.as_fd()).unwrap();
    begun
}

fn blocks(fd: &OwnedFd) -> bool {
    !syscall::is_nonblocking(fd.as_fd()).unwrap()
}

#[test]
fn more_tries_at_once_than_a_shelf_has_places_leave_the_file_as_it_was() {
    let _held = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let [file, other] = blocking_pair();
    let mut tries: Vec<_> = (0..200).map(|_| begun(&file)).collect();
    let elsewhere = begun(&other);
    while let Some(one) = tries.pop() {
        assert!(!blocks(&file), "{} are under way", tries.len() + 1);
        drop(one);
    }
    assert!(blocks(&file));
    assert!(!blocks(&other));
    drop(elsewhere);
    assert!(blocks(&other));
}

#[test]
fn the_last_try_by_whatever_number_puts_back_what_the_first_has_changed() {
    let _held = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let [file, _peer] = blocking_pair();
    let copy = file.try_clone().unwrap();
    let (first, second) = (begun(&file), begun(&copy));
    drop(first);
    assert!(!blocks(&file));
    drop(second);
    assert!(blocks(&file));
}

#[test]
fn a_try_whose_number_was_given_up_changes_nothing_when_it_ends() {
    let _held = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let [file, _peer] = blocking_pair();
    let given_up = begun(&file);
    unblocked::give_up(file.as_raw_fd());
    assert!(blocks(&file));
    let next = begun(&file);
    drop(given_up);
    assert!(!blocks(&file), "the try of another was ended with it");
    drop(next);
    assert!(blocks(&file));
}

#[test]
fn what_the_program_asks_for_meanwhile_is_what_the_last_try_leaves() {
    let _held = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let [file, _peer] = blocking_pair();
    let tries = [begun(&file), begun(&file)];
    unblocked::set_nonblocking(file.as_fd(), true).unwrap();
    drop(tries);
    assert!(!blocks(&file));
    let tries = [begun(&file), begun(&file)];
    unblocked::set_nonblocking(file.as_fd(), false).unwrap();
    assert!(!blocks(&file), "it is left to the tries");
    drop(tries);
    assert!(blocks(&file));
}

#[test]
fn a_try_of_another_thread_is_in_the_way_only_while_it_lasts_and_of_its_own_file() {
    let _held = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let [file, other] = blocking_pair();
    let before = Before::now();
    assert!(!before.was_in_the_way_of(file.as_fd()));
    let under_way = begun(&file);
    assert!(before.was_in_the_way_of(file.as_fd()));
    syscall::set_nonblocking(other.as_fd(), true).unwrap();
    assert!(!before.was_in_the_way_of(other.as_fd()));
    drop(under_way);
    assert!(before.was_in_the_way_of(file.as_fd()), "it was, a moment ago");
}

#[test]
fn a_forked_child_leaves_the_flag_to_its_parent() {
    let _held = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let [file, _peer] = blocking_pair();
    let in_parent = begun(&file);
    unblocked::forget_after_fork();
    drop(in_parent);
    assert!(!blocks(&file));
    let before = Before::now();
    assert!(before.was_in_the_way_of(file.as_fd()));
    // The parent's try is over.
    syscall::set_nonblocking(file.as_fd(), false).unwrap();
    assert!(before.was_in_the_way_of(file.as_fd()));
    syscall::set_nonblocking(file.as_fd(), true).unwrap();
    assert!(!Before::now().was_in_the_way_of(file.as_fd()), "now it is the program's doing");
}
