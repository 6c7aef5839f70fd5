"""Layer 2: WSGI filters, one file each; they know the WSGI contract and nothing of servers."""
