# Who must have a second factor, and the sign-ins that wait for it.

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('accounts', '0016_second_factors'),
    ]

    operations = [
        migrations.CreateModel(
            name='FactorDuty',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('days', models.PositiveSmallIntegerField(default=0)),
                ('group', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='factor_duty', to='auth.group')),
                ('user', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='factor_duty', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'duty to have a second factor',
                'verbose_name_plural': 'duties to have a second factor',
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('group__isnull', False), ('user', None)), models.Q(('group', None), ('user__isnull', False)), _connector='OR'), name='duty_of_one')],
            },
        ),
        migrations.CreateModel(
            name='PendingSignIn',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('sealed', models.TextField(editable=False)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'sign-in that waits for its second step',
                'verbose_name_plural': 'sign-ins that wait for their second step',
                'default_permissions': (),
            },
        ),
    ]
