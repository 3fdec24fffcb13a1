from django.db import migrations, models


def invite(apps, _):
    apps.get_model("guests", "Guest").objects.create(name="Ada")


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Guest", [
            ("id", models.AutoField(primary_key=True)),
            ("name", models.CharField(max_length=100)),
        ]),
        migrations.RunPython(invite),
    ]
