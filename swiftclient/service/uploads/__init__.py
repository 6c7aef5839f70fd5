"""Parts of the upload operation: what is there already, files, streams, segments, manifests."""
