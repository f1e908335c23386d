/* IEEE square root and libm in the place of eight vector functions of MKL.
 *
 * Why: MKL's vector maths library computes these eight functions from approximate instructions (rsqrtps, rcpps, vrsqrtps, vrcpps)
 * plus a correction, even in the branch that MKL_CBWR=COMPATIBLE or AVX2 selects. The low bits of those instructions are each
 * vendor's own, and so are the results. Square root is correctly rounded by IEEE 754 on every CPU; the other seven come from the
 * libm of the image, which is the same bytes on every host. Single precision is computed in double and rounded once.
 *
 * How: torch calls vms and vmd entry points through its procedure linkage table. This library is loaded with RTLD_GLOBAL before
 * torch, so the dynamic linker finds these names first. Where nothing calls them, nothing happens.
 *
 * n is the 32-bit MKL_INT of the LP64 interface, which is what torch is built with; r may be the same array as a; mode is ignored
 * (torch asks for high accuracy, no flush to zero, no error handling, and that is what this is).
 */
#include <math.h>

/* log and log2 were given a second version in glibc 2.29; the first one computes the same and is there since the beginning. */
__asm__(".symver log, log@GLIBC_2.2.5");
__asm__(".symver log2, log2@GLIBC_2.2.5");

#define ENTRY(name, function)                                                              \
    void vms##name(int n, const float *a, float *r, long long mode)                        \
    {                                                                                      \
        (void)mode;                                                                        \
        for (int i = 0; i < n; i++)                                                        \
            r[i] = (float)function((double)a[i]);                                          \
    }                                                                                      \
    void vmd##name(int n, const double *a, double *r, long long mode)                      \
    {                                                                                      \
        (void)mode;                                                                        \
        for (int i = 0; i < n; i++)                                                        \
            r[i] = function(a[i]);                                                         \
    }

ENTRY(Ln, log)
ENTRY(Log2, log2)
ENTRY(Log10, log10)
ENTRY(Asin, asin)
ENTRY(Acos, acos)
ENTRY(Atan, atan)
ENTRY(Tan, tan)

/* Apart, because one instruction does it (sqrtps, sqrtpd), and because the optimizers' speed hangs on it. */
void vmsSqrt(int n, const float *a, float *r, long long mode)
{
    (void)mode;
    for (int i = 0; i < n; i++)
        r[i] = __builtin_sqrtf(a[i]);
}

void vmdSqrt(int n, const double *a, double *r, long long mode)
{
    (void)mode;
    for (int i = 0; i < n; i++)
        r[i] = __builtin_sqrt(a[i]);
}
