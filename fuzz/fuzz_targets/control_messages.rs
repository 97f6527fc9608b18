//! Any bytes as control messages, and descriptors sent into any room: no panic, and none is lost.
#![no_main]

use std::io::IoSlice;
use std::os::fd::AsFd;

use libfuzzer_sys::fuzz_target;
use shotclock::{ControlMessage, Family, Kind, Timeout, socketpair, unstable};

fuzz_target!(|input: (u8, u8, u16, Vec<u8>)| {
    let (count, most, room, payload) = input;
    let parsed = unstable::control_messages(&payload);
    assert!(parsed.iter().map(|message| message.data.len()).sum::<usize>() <= payload.len());

    let (ours, theirs) = socketpair(Family::UNIX, Kind::DGRAM).expect("a pair of sockets");
    ours.set_timeout(Timeout::ZERO);
    theirs.set_timeout(Timeout::ZERO);
    let payload = &payload[..payload.len().min(512)];
    let handed = vec![ours.as_fd(); usize::from(count % 8)];
    let before = open_descriptors();
    {
        ours.send_fds(&[IoSlice::new(payload)], &handed).expect("few descriptors, little data");
        let received = theirs.recv_fds(1024, usize::from(most % 8)).expect("a message is there");
        assert_eq!(received.data, payload);
        assert!(received.fds.len() <= handed.len());

        ours.send_fds(&[IoSlice::new(payload)], &handed).expect("few descriptors, little data");
        let message = theirs.recvmsg(1024, usize::from(room % 256)).expect("a message is there");
        let fds = message.ancillary.iter().map(|part| match part {
            ControlMessage::Rights(fds) => fds.len(),
            _ => 0,
        });
        assert!(fds.sum::<usize>() <= handed.len());
    }
    assert_eq!(open_descriptors(), before, "a descriptor was lost");
});

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}
