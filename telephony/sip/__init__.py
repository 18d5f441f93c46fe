"""SIP without a carrier, on baresip: accounts, calls, and lines of them."""
