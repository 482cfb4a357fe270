# What LD_PRELOAD names and is no library is warned of, and passed over.
mkdir pre
echo 'no library, but a text that is longer than an ELF header, so that it is not too short' >pre/libp.so
program
option --preload "$PWD/pre/libp.so"
