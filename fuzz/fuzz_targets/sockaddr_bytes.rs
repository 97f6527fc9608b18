//! Any bytes as a socket address: no panic, and what they mean survives the way back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shotclock::{Address, SockAddr};

fuzz_target!(|bytes: &[u8]| {
    let Some(sockaddr) = SockAddr::new(bytes) else {
        assert!(bytes.len() < 2 || bytes.len() > SockAddr::CAPACITY, "{} bytes", bytes.len());
        return;
    };
    assert_eq!(sockaddr.as_bytes(), bytes);
    let address = Address::from_sockaddr(&sockaddr);
    assert_eq!(address.family().0, sockaddr.family());
    let _ = (address.to_string(), format!("{address:?}"), address.port(), address.ip(), address.as_inet());
    // Padding is not kept, so the bytes may differ once; what they mean may not.
    let again = address.to_sockaddr();
    assert_eq!(Address::from_sockaddr(&again), address, "{sockaddr:?} became {again:?}");
    assert_eq!(Address::from_sockaddr(&again).to_sockaddr(), again);
});
