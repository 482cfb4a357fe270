# A program that ends within its program headers starts nothing.
program
truncate -s 100 program
