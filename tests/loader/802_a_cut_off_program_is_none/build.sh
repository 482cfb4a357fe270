# A program that ends within its ELF header starts nothing.
program
truncate -s 40 program
