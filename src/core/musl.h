/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we use of glibc and other C libraries (musl) lack. Included before each file where meson finds
 * that it is missing (meson.build), and never otherwise: with glibc this file is not read. Promises the
 * same results as glibc's for the errors that Linux has; descriptions are the C library's own.
 */
#ifndef CORE_MUSL_H
#define CORE_MUSL_H

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since Linux 5.14, older ones refuse it. <sys/mman.h> is not asked: its names meet some of ours. */
#define MADV_POPULATE_WRITE 23

static inline const char *musl_error_name(int error)
{
#define E(name) [name] = #name
	static const char *const names[] = {
		E(EPERM),        E(ENOENT),          E(ESRCH),           E(EINTR),
		E(EIO),          E(ENXIO),           E(E2BIG),           E(ENOEXEC),
		E(EBADF),        E(ECHILD),          E(EAGAIN),          E(ENOMEM),
		E(EACCES),       E(EFAULT),          E(ENOTBLK),         E(EBUSY),
		E(EEXIST),       E(EXDEV),           E(ENODEV),          E(ENOTDIR),
		E(EISDIR),       E(EINVAL),          E(ENFILE),          E(EMFILE),
		E(ENOTTY),       E(ETXTBSY),         E(EFBIG),           E(ENOSPC),
		E(ESPIPE),       E(EROFS),           E(EMLINK),          E(EPIPE),
		E(EDOM),         E(ERANGE),          E(ENAMETOOLONG),    E(ENOLCK),
		E(ENOSYS),       E(ENOTEMPTY),       E(ELOOP),           E(ENOMSG),
		E(EIDRM),        E(ECHRNG),          E(EL2NSYNC),        E(EL3HLT),
		E(EL3RST),       E(ELNRNG),          E(EUNATCH),         E(ENOCSI),
		E(EL2HLT),       E(EBADE),           E(EBADR),           E(EXFULL),
		E(ENOANO),       E(EBADRQC),         E(EBADSLT),         E(EBFONT),
		E(ENOSTR),       E(ENODATA),         E(ETIME),           E(ENOSR),
		E(ENONET),       E(ENOPKG),          E(EREMOTE),         E(ENOLINK),
		E(EADV),         E(ESRMNT),          E(ECOMM),           E(EPROTO),
		E(EMULTIHOP),    E(EDOTDOT),         E(EBADMSG),         E(EOVERFLOW),
		E(ENOTUNIQ),     E(EBADFD),          E(EREMCHG),         E(ELIBACC),
		E(ELIBBAD),      E(ELIBSCN),         E(ELIBMAX),         E(ELIBEXEC),
		E(EILSEQ),       E(ERESTART),        E(ESTRPIPE),        E(EUSERS),
		E(ENOTSOCK),     E(EDESTADDRREQ),    E(EMSGSIZE),        E(EPROTOTYPE),
		E(ENOPROTOOPT),  E(EPROTONOSUPPORT), E(ESOCKTNOSUPPORT), E(EPFNOSUPPORT),
		E(EAFNOSUPPORT), E(EADDRINUSE),      E(EADDRNOTAVAIL),   E(ENETDOWN),
		E(ENETUNREACH),  E(ENETRESET),       E(ECONNABORTED),    E(ECONNRESET),
		E(ENOBUFS),      E(EISCONN),         E(ENOTCONN),        E(ESHUTDOWN),
		E(ETOOMANYREFS), E(ETIMEDOUT),       E(ECONNREFUSED),    E(EHOSTDOWN),
		E(EHOSTUNREACH), E(EALREADY),        E(EINPROGRESS),     E(ESTALE),
		E(EUCLEAN),      E(ENOTNAM),         E(ENAVAIL),         E(EISNAM),
		E(EREMOTEIO),    E(EDQUOT),          E(ENOMEDIUM),       E(EMEDIUMTYPE),
		E(ECANCELED),    E(ENOKEY),          E(EKEYEXPIRED),     E(EKEYREVOKED),
		E(EKEYREJECTED), E(EOWNERDEAD),      E(ENOTRECOVERABLE), E(ERFKILL),
	};
#undef E
	return error >= 0 && (size_t)error < sizeof(names) / sizeof(names[0]) ? names[error]
									      : NULL;
}

/* musl's strerror() gives constant texts: as safe among threads as glibc's strerrordesc_np(). */
#define strerrordesc_np(error)          strerror(error)
#define strerrorname_np(error)          musl_error_name(error)
#define close_range(first, last, flags) syscall(SYS_close_range, first, last, flags)
#define closefrom(first)                ((void)close_range(first, ~0U, 0))
#define W_EXITCODE(status, signal)      ((status) << 8 | (signal))
#define pidfd_open(pid, flags)          ((int)syscall(SYS_pidfd_open, pid, flags))

#endif
