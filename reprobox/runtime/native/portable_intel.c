/* MKL asks whether the CPU is Intel's; the answer here is yes.
 *
 * Why: MKL honours MKL_CBWR=AVX2 (one fixed branch of its code) on Intel CPUs only and falls back silently to a branch of its own
 * choice elsewhere. Any x86-64 CPU with AVX2 and FMA executes that branch; this makes MKL take it on every vendor's CPU.
 * Loaded with RTLD_GLOBAL before torch; where MKL is absent, nothing asks.
 */
int mkl_serv_intel_cpu(void)
{
    return 1;
}

int mkl_serv_intel_cpu_true(void)
{
    return 1;
}
