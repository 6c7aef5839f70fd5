"""The all-in-one cluster: four storage nodes and a proxy in one folder, as an ordinary user."""
