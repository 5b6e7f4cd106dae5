"""The command line: parse, call one function, print. Nothing heavy is imported before it is needed."""
