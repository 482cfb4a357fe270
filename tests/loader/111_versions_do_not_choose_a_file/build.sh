# The version that a program needs of a symbol does not choose among files of one name.
echo 'V9 { global: f; };' >map
lib new/liba.so -x c - -Wl,--version-script=map <<end
int f(void) { return 0; }
end
lib old/liba.so
program new/liba.so "-Wl,-rpath,$PWD/old:$PWD/new"
