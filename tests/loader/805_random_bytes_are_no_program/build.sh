# A file of any other bytes starts nothing.
printf '\177ELX\002\001\001 and no more than a text behind it, but long enough for a header' >program
chmod +x program
