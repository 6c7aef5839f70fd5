"""An object storage cluster: proxy, account, container and object servers, rings and tools."""
