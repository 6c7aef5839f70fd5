"""Parts of the download operation: where a file goes, how it arrives, how it is checked."""
