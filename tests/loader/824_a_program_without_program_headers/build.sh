# A program whose e_phnum is 0 starts nothing.
program
patch program 56 '\000\000'
