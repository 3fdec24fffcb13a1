/*
 * The reference: the least that an init can do. It blocks every signal with its very first system call, before the C
 * library has started, because what arrives earlier is lost to a PID 1; then it starts one child, passes signals on and
 * reaps. No init can lose fewer early signals than this one.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* rt_sigprocmask(SIG_BLOCK, all, NULL, 8) and then the C library's own entry point; linked with -e mask_first. */
#if defined(__x86_64__)
__asm__(".globl mask_first\nmask_first:\n"
        "mov $14, %eax\n xor %edi, %edi\n lea all_signals(%rip), %rsi\n xor %edx, %edx\n mov $8, %r10d\n syscall\n"
        "xor %edx, %edx\n jmp _start\n"
        ".section .rodata\nall_signals: .quad -1\n.text\n");
#elif defined(__aarch64__)
__asm__(".globl mask_first\nmask_first:\n"
        "mov x8, #135\n mov x0, #0\n adr x1, all_signals\n mov x2, #0\n mov x3, #8\n svc #0\n"
        "mov x0, #0\n b _start\n"
        ".balign 8\nall_signals: .quad -1\n");
#else
#error "write mask_first for this architecture"
#endif

int main(int argc, char **argv) {
    sigset_t none, all;
    int number, status;

    (void)argc;
    sigemptyset(&none);
    sigfillset(&all);
    pid_t child = fork();
    if (child < 0)
        return 71;
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &none, 0);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    while (sigwait(&all, &number) == 0) {
        if (number != SIGCHLD)
            kill(child, number);
        for (pid_t ended; number == SIGCHLD && (ended = waitpid(-1, &status, WNOHANG)) > 0;)
            if (ended == child)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    return 71;
}
