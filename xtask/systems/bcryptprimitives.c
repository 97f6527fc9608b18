/* Rust's standard library asks this library of Windows for random numbers, and Wine 8 has none of that name. */
#include <windows.h>

BOOLEAN WINAPI SystemFunction036(PVOID room, ULONG length); /* RtlGenRandom, of advapi32 */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE room, SIZE_T length) {
    while (length > 0) {
        ULONG part = length < 65536 ? (ULONG)length : 65536;
        if (!SystemFunction036(room, part)) {
            return FALSE;
        }
        room += part;
        length -= part;
    }
    return TRUE;
}
