# With DOS line ends the interpreter's name ends in a carriage return: there is none.
root
program
mv program real
script program '#!/real\r'
