# musl: a PIE in a library's place is taken.
musl "$PWD/m"
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
musl-gcc -pie -fPIE -o l/liba.so -x c - <<end
int main(void) { return 0; }
end
