"""The providers' published HTTP protocols, one file each."""
