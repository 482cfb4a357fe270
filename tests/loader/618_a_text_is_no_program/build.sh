# A text without `#!` starts nothing.
root
script program 'echo hello'
