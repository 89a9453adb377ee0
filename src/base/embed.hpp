// Files inside the library, byte for byte, by the assembler's .incbin: ELF and Mach-O.
#pragma once

// STARGLOW_EMBED(symbol, "path") at namespace scope; STARGLOW_EMBEDDED(symbol) is then its bytes as pointer and size.
// The size is stored beside them: a linker of Mach-O may move what follows a symbol, but nothing inside of it.
#if defined(__APPLE__)
#define STARGLOW_EMBED_SECTION ".section __TEXT,__const\n.p2align 4\n"
#define STARGLOW_EMBED_NAME(symbol) "_" #symbol
#define STARGLOW_EMBED_LOCAL(symbol) "L" #symbol
#define STARGLOW_EMBED_END ".text\n"
#else
#define STARGLOW_EMBED_SECTION ".section .rodata\n.balign 16\n"
#define STARGLOW_EMBED_NAME(symbol) #symbol
#define STARGLOW_EMBED_LOCAL(symbol) ".L" #symbol
#define STARGLOW_EMBED_END ".previous\n"
#endif

#define STARGLOW_EMBED(symbol, file)                                                                           \
  __asm__(STARGLOW_EMBED_SECTION ".globl " STARGLOW_EMBED_NAME(symbol##_begin) "\n"                          \
          STARGLOW_EMBED_NAME(symbol##_begin) ":\n.incbin \"" file "\"\n"                                    \
          STARGLOW_EMBED_LOCAL(symbol##_end) ":\n.byte 0\n.balign 16\n"                                      \
          ".globl " STARGLOW_EMBED_NAME(symbol##_size) "\n"                                                  \
          STARGLOW_EMBED_NAME(symbol##_size) ":\n.quad " STARGLOW_EMBED_LOCAL(symbol##_end) " - "            \
          STARGLOW_EMBED_NAME(symbol##_begin) "\n" STARGLOW_EMBED_END); \
  extern "C" const unsigned char symbol##_begin[];                                                             \
  extern "C" const std::uint64_t symbol##_size;

#define STARGLOW_EMBEDDED(symbol) symbol##_begin, static_cast<std::size_t>(symbol##_size)
