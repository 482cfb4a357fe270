# A candidate whose path is not to be entered, or ends behind a file, is passed over.
lib own/liba.so
lib file/liba.so
program own/liba.so "-Wl,-rpath,$PWD/file/liba.so/x:$PWD/file/liba.so:$PWD/own"
