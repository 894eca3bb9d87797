"""What is made from the help of the command line: manual pages and completions. Pure."""
