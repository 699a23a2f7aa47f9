// SPDX-License-Identifier: GPL-2.0
/*
 * The serial port of a guest that is debugged: a 16550 without receiver. A descriptor
 * that blocks holds the processor that sends, as flow control would; what one that does
 * not block does not take is lost, as on a line that nobody listens to.
 */

#include <linux/serial_reg.h>
#include <unistd.h>

#include "serial.h"

#define IIR_FIFO 0xc0

/**
 * serial_init - a serial port after power-on
 * @serial: to fill
 * @fd: where it sends to, -1 for no serial port
 * @irqfd: its interrupt
 */
void serial_init(struct serial *serial, int fd, int irqfd)
{
	*serial = (struct serial){
		.lock = PTHREAD_MUTEX_INITIALIZER, .fd = fd, .irqfd = irqfd, .divisor = { 12, 0 },
	};
}

static void interrupt(const struct serial *s)
{
	const uint64_t one = 1;

	if (s->ier & UART_IER_THRI && write(s->irqfd, &one, sizeof(one)) < 0)
		return;		/* it is so full that the guest will hear */
}

static void set_interrupts(struct serial *s, uint8_t value)
{
	bool more = value & ~s->ier & UART_IER_THRI;

	s->ier = value & (UART_IER_MSI | UART_IER_RLSI | UART_IER_THRI | UART_IER_RDI);
	s->empty |= more;
	if (more)
		interrupt(s);
}

/* Once for all that is sent until the guest asks why */
static void sent(struct serial *s)
{
	if (!s->empty)
		interrupt(s);
	s->empty = true;
}

static uint8_t interrupt_reason(struct serial *s)
{
	if (!s->empty || !(s->ier & UART_IER_THRI))
		return s->fifo | UART_IIR_NO_INT;
	s->empty = false;	/* reading it says so */
	return s->fifo | UART_IIR_THRI;
}

static uint8_t read_register(struct serial *s, unsigned int reg)
{
	switch (reg) {
	case UART_RX:
		return s->lcr & UART_LCR_DLAB ? s->divisor[0] : 0;
	case UART_IER:
		return s->lcr & UART_LCR_DLAB ? s->divisor[1] : s->ier;
	case UART_IIR:
		return interrupt_reason(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE;
	case UART_MSR:
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	default:
		return s->scratch;
	}
}

static void write_register(struct serial *s, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case UART_TX:
		if (s->lcr & UART_LCR_DLAB)
			s->divisor[0] = value;
		else if (write(s->fd, &value, 1) >= -1)
			sent(s);	/* or lost */
		break;
	case UART_IER:
		if (s->lcr & UART_LCR_DLAB)
			s->divisor[1] = value;
		else
			set_interrupts(s, value);
		break;
	case UART_FCR:		/* with one, a guest sends 16 bytes for a look at the status */
		s->fifo = value & UART_FCR_ENABLE_FIFO ? IIR_FIFO : 0;
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		s->mcr = value;
		break;
	case UART_SCR:
		s->scratch = value;
		break;
	}
}

/**
 * serial_read - the guest reads a register
 * @serial: serial port
 * @reg: which
 * @ret: what it reads
 *
 * Return: false if there is no such register.
 */
bool serial_read(struct serial *serial, unsigned int reg, uint8_t *ret)
{
	if (serial->fd < 0 || reg >= SERIAL_REGISTERS)
		return false;
	pthread_mutex_lock(&serial->lock);
	*ret = read_register(serial, reg);
	pthread_mutex_unlock(&serial->lock);
	return true;
}

/**
 * serial_write - the guest writes a register
 * @serial: serial port
 * @reg: which
 * @value: what it writes
 *
 * Return: false if there is no such register.
 */
bool serial_write(struct serial *serial, unsigned int reg, uint8_t value)
{
	if (serial->fd < 0 || reg >= SERIAL_REGISTERS)
		return false;
	pthread_mutex_lock(&serial->lock);
	write_register(serial, reg, value);
	pthread_mutex_unlock(&serial->lock);
	return true;
}
