//! Which addresses may be called: whoever hands a batch in names a URL, and must not reach by it what this machine reaches
//! and they do not (server-side request forgery).
//!
//! Only what the registries of special-purpose addresses call globally reachable (IANA; RFC 6890) is, and of IPv6 only
//! `2000::/3`, which alone is given out (RFC 4291). What holds an IPv4 address stands or falls with it.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use derive_more::{Display as DeriveDisplay, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// IPv4 networks that are not called.
const SPECIAL_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::UNSPECIFIED, 8),            // this network (RFC 791); on Linux the machine itself
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private (RFC 1918)
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carriers' NAT (RFC 6598), a cloud's metadata among it
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the host of a machine in Azure, which has its metadata
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local (RFC 3927), and most clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments (RFC 6890), a cloud's metadata among them
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation (RFC 5737)
    (Ipv4Addr::new(192, 31, 196, 0), 24),  // AS112 (RFC 7535)
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4 (RFC 7526)
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks (RFC 2544)
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast (RFC 5771)
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, and broadcast
];

/// IPv6 networks within `2000::/3` that are not called.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments (RFC 2928), Teredo among them
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation (RFC 3849)
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4 (RFC 3056), which nobody relays any more
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation (RFC 9637)
];

/// What is given out.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// IPv4 addresses behind a translator (RFC 6052).
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Addresses with the same first bits, such as `10.0.0.0/8`; one address alone has all its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// The text is no network.
#[derive(Debug, DeriveDisplay, Error, Clone, Copy, PartialEq, Eq)]
#[display("neither an address nor a network")]
pub struct NoNetwork;

impl Network {
    /// Whether an address is in it. An IPv4 address and the IPv6 address that holds it are the same.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.first, unwrapped(address)) {
            (IpAddr::V4(first), IpAddr::V4(address)) => starts_v4(address, (first, self.bits)),
            (IpAddr::V6(first), IpAddr::V6(address)) => starts_v6(address, (first, self.bits)),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| NoNetwork)?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.parse().map_err(|_| NoNetwork))?;
        if bits <= all { Ok(Self { first, bits }) } else { Err(NoNetwork) }
    }
}

impl Display for Network {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "addresses and networks such as 10.1.2.3 or 10.1.0.0/16";
        text.parse().map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &expected))
    }
}

/// Which addresses may be called.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Networks that may be called although they are not everybody's.
    pub allowed: Vec<Network>,
}

impl Reach {
    /// Whether an address may be called.
    #[must_use]
    pub fn includes(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.iter().any(|network| network.holds(address))
    }
}

/// Whether an address is everybody's.
fn is_public(address: IpAddr) -> bool {
    match unwrapped(address) {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| starts_v4(address, *network)),
        IpAddr::V6(address) => {
            starts_v6(address, GLOBAL_V6) && !SPECIAL_V6.iter().any(|network| starts_v6(address, *network))
        }
    }
}

/// The IPv4 address that an IPv6 address is only another form of.
fn unwrapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(wrapped) if starts_v6(wrapped, NAT64) => {
            let [.., a, b, c, d] = wrapped.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        address => address.to_canonical(),
    }
}

fn starts_v4(address: Ipv4Addr, (first, bits): (Ipv4Addr, u8)) -> bool {
    (u32::from(address) ^ u32::from(first)).leading_zeros() >= u32::from(bits)
}

fn starts_v6(address: Ipv6Addr, (first, bits): (Ipv6Addr, u8)) -> bool {
    (u128::from(address) ^ u128::from(first)).leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_everybodys_is_not_called_in_any_form() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.1.2.3",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:0:53aa:64c:0:fbff:ad45:3e25",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "2002:808:808::",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(!Reach::default().includes(address(text)), "{text}");
        }
    }

    #[test]
    fn what_is_everybodys_is_called() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert!(Reach::default().includes(address(text)), "{text}");
        }
    }

    #[test]
    fn what_is_named_is_called_and_nothing_beside_it() {
        let allowed = ["127.0.0.1", "10.1.0.0/16", "fd00:1::/32"].map(|text| text.parse().unwrap()).into();
        let reach = Reach { allowed };
        for text in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.1.2.3", "10.1.255.255", "fd00:1:2::3"] {
            assert!(reach.includes(address(text)), "{text}");
        }
        for text in ["127.0.0.2", "::1", "10.2.0.0", "fd00:2::1", "169.254.169.254"] {
            assert!(!reach.includes(address(text)), "{text}");
        }
    }

    #[test]
    fn a_network_reads_back_and_nothing_else_is_one() {
        for text in ["10.0.0.0/8", "127.0.0.1/32", "::1/128", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0/8", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Network>(), Err(NoNetwork), "{text}");
        }
    }
}
