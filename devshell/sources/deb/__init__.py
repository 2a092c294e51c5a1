"""The deb source: a tool and its dependency closure from a Debian suite, unpacked without root."""
