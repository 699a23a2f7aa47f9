/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The smallest guest: a kernel of one page, which says that it is there, sleeps, and
 * shuts down when its power button is pressed. Where it is not the guest that is
 * tested it stands for one, without the seconds that Linux takes to boot. It is
 * entered as PVH has it, in 32 bits without paging, on QEMU's microvm: the button is
 * its Generic Event Device's. With REBOOT it resets the machine instead, without end.
 */
#define GED_EVENTS	0xfea00000	/* reading clears them */
#define GED_BUTTON	0x2
#define GED_SLEEP	0xfea00200
#define SLEEP_S5	0x34
#define GED_RESET	0xfea00202
#define RESET		0x42
#define GED_PIN		9
#define VECTOR		0x30
#define IOAPIC_SELECT	0xfec00000
#define IOAPIC_DATA	0xfec00010
#define APIC_PRIORITY	0xfee00080
#define APIC_EOI	0xfee000b0
#define APIC_SPURIOUS	0xfee000f0
#define SERIAL		0x3f8

	.section .note.Xen, "a", @note
	.align	4
	.long	4, 4, 18		/* PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.code32
	.globl	_start
_start:
	lgdt	gdt_pointer
	ljmp	$8, $1f
1:	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$stack, %esp
	movl	$pressed, %eax
	movw	%ax, idt + VECTOR * 8
	movw	$8, idt + VECTOR * 8 + 2
	movw	$0x8e00, idt + VECTOR * 8 + 4
	shrl	$16, %eax
	movw	%ax, idt + VECTOR * 8 + 6
	lidt	idt_pointer
	movb	$0xff, %al		/* the old interrupt controllers are silent */
	outb	%al, $0x21
	outb	%al, $0xa1
	movl	$0x1ff, APIC_SPURIOUS
	movl	$0, APIC_PRIORITY
	movl	$(0x10 + 2 * GED_PIN + 1), IOAPIC_SELECT
	movl	$0, IOAPIC_DATA
	movl	$(0x10 + 2 * GED_PIN), IOAPIC_SELECT
	movl	$VECTOR, IOAPIC_DATA
	movl	$up, %esi
	call	say
#ifdef REBOOT
	movb	$RESET, GED_RESET
	hlt
#endif
sleep:
	cli
	testl	$GED_BUTTON, GED_EVENTS
	jnz	off
	sti
	hlt
	jmp	sleep
off:
	movl	$down, %esi
	call	say
	movb	$SLEEP_S5, GED_SLEEP
	hlt

pressed:
	movl	$0, APIC_EOI
	iret

say:
	movw	$SERIAL, %dx
	cld
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	ret

	.data
up:	.asciz	"sleeper: up\r\n"
down:	.asciz	"sleeper: power button\r\n"
	.align	8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	23
	.long	gdt
idt_pointer:
	.word	(VECTOR + 1) * 8 - 1
	.long	idt

	.bss
	.align	8
idt:	.skip	(VECTOR + 1) * 8
	.align	16
	.skip	4096
stack:
	.section .note.GNU-stack, "", @progbits
