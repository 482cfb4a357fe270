# A library of another class or machine is no candidate; the search goes on.
lib i386/liba.so -m32
lib x32/liba.so -mx32
lib l/liba.so
mkdir machine
cp l/liba.so machine/
patch machine/liba.so 18 '\267'
program l/liba.so "-Wl,-rpath,$PWD/i386:$PWD/x32:$PWD/machine:$PWD/l"
