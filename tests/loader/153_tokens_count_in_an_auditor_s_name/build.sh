# Tokens are expanded in DT_AUDIT.
lib own/libone.so -x c - -x none <<end
unsigned la_version(unsigned v) { return v; }
end
program '-Wl,--audit,$ORIGIN/own/libone.so'
told runs
