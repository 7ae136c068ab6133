//! Host names for API Gateway and Route 53.

use crate::checked_text;

checked_text! {
    /// A host name such as `prices.example.com`: at least two labels, at most 253 characters (RFC
    /// 1123). A label has lower-case letters, digits, and hyphens that are not at its ends. A
    /// wildcard is not accepted, because the API has one URL.
    HostName, is_host_name,
    NotAHostName: "a domain name is a host name in lower case, such as prices.example.com"
}

const fn is_host_name(text: &[u8]) -> bool {
    let mut rest = text;
    let (mut labels, mut label, mut last) = (1, 0, b'.');
    while let [byte, tail @ ..] = rest {
        match *byte {
            b'.' if label > 0 && last != b'-' => {
                labels += 1;
                label = 0;
            }
            b'a'..=b'z' | b'0'..=b'9' => label += 1,
            b'-' if label > 0 => label += 1,
            _ => return false,
        }
        if label > 63 {
            return false;
        }
        last = *byte;
        rest = tail;
    }
    labels > 1 && label > 0 && last != b'-' && text.len() <= 253
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_has_at_least_two_valid_labels() {
        let longest = format!("{}.com", "a".repeat(63));
        for good in [
            "prices.example.com",
            "a.b",
            "xn--bcher-kva.example",
            "4-2.io",
            &longest,
        ] {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        let too_long = format!("{}com", "a.".repeat(126));
        let label = format!("{}.com", "a".repeat(64));
        for bad in [
            "",
            "localhost",
            ".com",
            "example.",
            "a..b",
            "-a.com",
            "a-.com",
            "a.com-",
            "Prices.example.com",
            "*.example.com",
            "a_b.com",
            "https://a.com",
            &label,
            &too_long,
        ] {
            assert_eq!(bad.parse::<HostName>(), Err(NotAHostName), "{bad}");
        }
    }
}
