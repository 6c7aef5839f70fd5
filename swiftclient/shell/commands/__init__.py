"""The sub-commands, one module each with a function run(line, output)."""
