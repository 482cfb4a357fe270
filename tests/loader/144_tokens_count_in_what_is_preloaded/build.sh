# Tokens in LD_PRELOAD and LD_LIBRARY_PATH count from the program.
lib pre/libp.so
lib pre/libq.so
program
option --preload '$ORIGIN/pre/libp.so libq.so'
option --library-path '$ORIGIN/pre'
