// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /sys/kernel/tryboot: makes the Raspberry Pi's bootloader start the other
 * slot once.
 *
 * The bootloader reads the flag at the next reset and forgets it then. The
 * vendor's kernel sets it by reboot("0 tryboot") or through /dev/vcio;
 * mainline has neither, only the mailbox driver underneath.
 */
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/sysfs.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

/* Not in mainline's list of property tags. */
#define TAG_SET_REBOOT_FLAGS 0x00038064

static const struct of_device_id nodes[] = {
	{ .compatible = "raspberrypi,bcm2835-firmware" },
	{}
};
MODULE_DEVICE_TABLE(of, nodes);

static bool armed;

static int set_reboot_flags(u32 flags)
{
	struct device_node *node = of_find_matching_node(NULL, nodes);
	struct rpi_firmware *firmware = rpi_firmware_get(node);
	int ret;

	of_node_put(node);
	if (!firmware)
		return -ENODEV;
	ret = rpi_firmware_property(firmware, TAG_SET_REBOOT_FLAGS, &flags,
				    sizeof(flags));
	rpi_firmware_put(firmware);
	return ret;
}

static ssize_t tryboot_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%d\n", armed);
}

static ssize_t tryboot_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	bool wanted;
	int ret;

	ret = kstrtobool(buf, &wanted);
	if (ret)
		return ret;
	ret = set_reboot_flags(wanted);
	if (ret)
		return ret;
	armed = wanted;
	return count;
}

static struct kobj_attribute tryboot = __ATTR_RW_MODE(tryboot, 0600);

static int __init tryboot_init(void)
{
	struct device_node *node = of_find_matching_node(NULL, nodes);

	if (!node)
		return -ENODEV;
	of_node_put(node);
	return sysfs_create_file(kernel_kobj, &tryboot.attr);
}

static void __exit tryboot_exit(void)
{
	sysfs_remove_file(kernel_kobj, &tryboot.attr);
}

module_init(tryboot_init);
module_exit(tryboot_exit);

MODULE_DESCRIPTION("Raspberry Pi: start the other boot slot once");
MODULE_LICENSE("GPL");
